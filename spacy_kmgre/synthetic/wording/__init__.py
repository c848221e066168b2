"""The sentences of each part of the corpus. No two parts have a sentence in common.

`TEMPLATES` maps facts ("p born_in c; c located_in n", "" for none) to the sentences that state them; "|"
stands between two sentences. A slot is the letter of a kind (see `schema.SLOTS`), with a role where the form
of the mention depends on one:

========== ====================================================================================
{p}        a name or description; at the beginning of a sentence a subject, perhaps a pronoun
{p:he}     a subject, perhaps a pronoun
{p:him}    an object, perhaps a pronoun
{p:his}    a possessive, perhaps a pronoun
{p:name}   a name without introduction
{p:own}    always a possessive pronoun: the thing is named earlier in the sentence
{p:child}  a noun for the thing, which is no mention; parent, spouse and job (with its article) too
========== ====================================================================================

Where a slot occurs twice, its last occurrence states the relation.
"""
