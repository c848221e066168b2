"""The sentences of each part of the corpus: no part shares one with another.

`TEMPLATES` maps what sentences state ("p born_in c; c located_in n", "" for nothing) to ways to say it.
"|" parts two sentences. A slot is a kind's letter (see `schema.SLOTS`), and a role where the form of the
mention depends on it:

========== ====================================================================================
{p}        a name or description; at the beginning of a sentence a subject, perhaps a pronoun
{p:he}     a subject, perhaps a pronoun
{p:him}    an object, perhaps a pronoun
{p:his}    a possessive, perhaps a pronoun
{p:name}   a name without introduction
{p:own}    always a possessive pronoun: the thing is named earlier in the sentence
{p:child}  no mention but a noun for the thing: also parent, spouse, job (with its article)
========== ====================================================================================

Where a slot occurs twice, the last occurrence is the one that states the relation.
"""
