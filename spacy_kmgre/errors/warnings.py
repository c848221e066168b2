"""Warnings, and the reasons why a training may not learn."""


class Warnings:
    """All warnings, by their codes."""

    W001 = (
        "[KMGRE W001] {name!r}: {count} entities of {document!r} lie outside the encoded text (max_pieces = {limit}): "
        "their pairs are skipped."
    )
    W002 = (
        "[KMGRE W002] {name!r}: {count} gold relations of {document!r} point at an entity that the predicted Doc "
        "lacks ({key!r}, for one) and teach nothing. The reader spacy_kmgre.Corpus.v1 gives the gold entities. "
        "Further ones in this epoch are counted in `lost_relations`."
    )
    W003 = (
        "[KMGRE W003] {name!r}: none of the Docs to score has entities, so their gold entities are used, and "
        "gold sentences where they have none. "
        "`spacy evaluate` reads a corpus without them, and shows relation scores only in the file that "
        "`--per-component --output scores.json` writes; `spacy kmgre evaluate` shows them all."
    )
    W004 = (
        "[KMGRE W004] {name!r}: no Doc to score has entities, although named entities were looked for. All their "
        "relations count as missed. A component before this one, such as kmgre_entities, has to make the entities, "
        "and to be trained; `spacy kmgre evaluate` scores relations between gold entities."
    )
    W005 = (
        "[KMGRE W005] {name!r} goes on learning, and τ, the upper limit of the key mention pairs' threshold, begins "
        "anew at {new:.4f} as [training.before_update] says; the loaded model had {old:.4f}. To keep a trained "
        "component as it is, put it into [training.frozen_components]."
    )
    W025 = (
        "[KMGRE W025] {name!r} meets entities of types that its training corpus has not ({things}; in {document!r}, "
        "for one): relations of such entities are hardly found. The setting `types` of kmgre_entities says which of "
        'the known types stands for each: a table by name, such as types = "ontonotes_docred" for spaCy\'s English '
        'pipelines, or one of your own, such as types = {{"{first}": "..."}}; null leaves such entities out. Known '
        "types: {known}."
    )
    W026 = (
        "[KMGRE W026] {name!r} meets entities without a type (in {document!r}, for one), which its training corpus has "
        "not: relations of such entities are hardly found. Give each span of doc.ents or of the span groups a label, "
        "or train with the encoder's `untyped_rate` above 0. Known types: {known}."
    )

    W015 = (
        "[KMGRE W015] {name!r} reads no entities in {document!r} and so finds no relations there, although the Doc "
        "has {there}. Entities are span groups called entity_ and a number: a component that makes them has to come "
        "before, such as nlp.add_pipe('kmgre_entities', before={name!r}), which reads doc.ents (its setting `types` "
        "says which types of spaCy's are which of the corpus, such as 'ontonotes_docred'); groups of another "
        "name are read where [components.{name}.entities] has their `prefix`. Further Docs like this one are not "
        "named."
    )
    W016 = (
        "[KMGRE W016] {count} of the {total} relations to score have labels that {name!r} does not know, and count as "
        "missed: {unknown}. It knows: {known}. Where the corpus has ids for names, or names for ids, "
        "`spacy kmgre convert --relation-names` changes them; labels that are new have to be learned."
    )
    W017 = (
        "[KMGRE W017] {early!r} needs what {late!r} finds, which comes after it in the pipeline. Add {late!r} with "
        "nlp.add_pipe(..., before={early!r}); nlp.analyze_pipes() shows the order."
    )
    W018 = (
        "[KMGRE W018] doc._.relations of {document!r} are those of {name!r} now. Those of {other!r}, which it has "
        "replaced there, are doc._.relations_of({other!r}). To have both in doc._.relations, set "
        "merge_relations = true in [components.{name}]. Further Docs like this one are not named."
    )
    W019 = (
        "[KMGRE W019] {name!r} finds no entities in {document!r}, where nothing before it has looked for named "
        "entities: doc.ents is not set. A component such as ner has to come before it. Further Docs like this one "
        "are not named."
    )
    W020 = (
        "[KMGRE W020] {name!r} predicts in bfloat16, for which this CPU has no instructions: that is slower than "
        'float32, and less exact. precision = "auto" takes bfloat16 only where there are some.'
    )
    W021 = (
        "[KMGRE W021] {name!r} reads sentences again where a relation is near its threshold (second_reading), but "
        "{document!r} has no sentence boundaries, so it is read once. A component such as senter or sentencizer sets "
        "them. Further Docs like this one are not named."
    )
    W010 = (
        "[KMGRE W010] {name!r}: the optimizer has spaCy's default learning rate, {default}, which would undo what the "
        "pretrained encoder knows. So the encoder learns at {own:.2g}, and the heads at {default}. Where "
        "nlp.get_pipe({name!r}).total_steps says how many updates there will be, both fall to 0 towards the end. Set "
        "optimizer.learn_rate for another rate, or take spacy_kmgre.AdamW.v1, which has one for each."
    )
    W012 = (
        "[KMGRE W012] {name!r}: this config has spaCy's defaults for training, which are not made for relations: its "
        "corpus reader, spacy.Corpus.v1, gives the documents no entities, and it has neither the learning rates nor "
        "the phases of EM. Make a config that has them: python -m spacy kmgre init CORPUS -o config.cfg"
    )
    W013 = (
        "[KMGRE W013] {name!r}: the documents to learn from have no entities, and no component has looked for some. So "
        "relations are learned between the entities of the references. The reader spacy_kmgre.Corpus.v1 gives these, "
        "as does spacy_kmgre.annotations.project_entities."
    )
    W014 = (
        "[KMGRE W014] {name!r}: none of the first {count} documents has two entities, so the model has not run. "
        "A component before it has to find them, such as kmgre_entities. `spacy evaluate` and `spacy benchmark` read a "
        "corpus without its entities; `python -m spacy kmgre evaluate` reads them, and measures the speed too."
    )

    # Readers of entities (W40x)
    W410 = (
        "[KMGRE W410] coreferee has stopped with an error in {document!r}, which it printed, and gives no chains of "
        "this document: its entities have no pronouns and descriptions."
    )

    # Corpora (W10x DocRED, W11x the corpus reader)
    W100 = "[KMGRE W100] {path} was read, but looks odd in places: {oddities}."
    W110 = (
        "[KMGRE W110] No document of {path} has entities: none has a span group called {prefix!r} and a number. "
        "Span groups of the last document: {known}. Set the reader's `prefix`, or write the entities."
    )
    W111 = (
        "[KMGRE W111] No document of {path} has relations. A DocBin keeps them only if it was made with "
        "DocBin(store_user_data=True)."
    )

    # What files hold that was not read (W12x)
    W120 = (
        "[KMGRE W120] {path} was read as {format}, and no document has an entity. What is there: {seen}. --from "
        "(FORMATS[...]) names another format."
    )
    W121 = (
        "[KMGRE W121] {path} was read as {format}, and no document has a relation, although there is something like "
        "relations: {seen}."
    )
    W122 = (
        "[KMGRE W122] {name!r}: {document!r} has {mentions:,} mentions of {entities:,} entities, and so {pairs:,} "
        "mention pairs. On a CPU that takes minutes. Split the document, leave out entities of no interest, or "
        "set far_pairs = false in the model, which leaves out mentions that are far from each other."
    )

    # Pages and exports (W112 to W119)
    W112 = (
        "[KMGRE W112] {count} gold relations have labels that the pipeline does not know, so it cannot but miss them: "
        "{unknown}. Its labels: {known}. Where these are other names of the same relations, --relation-names "
        "translates."
    )
    W113 = (
        "[KMGRE W113] No document of {source} has entities, so there are no relations. Give entities with the "
        "documents (JSON Lines, DocBin), or a pipeline that finds them: one with kmgre_entities before the relations."
    )
    W114 = "[KMGRE W114] No document of {source} has relations: the page shows texts and entities alone."
    W115 = (
        "[KMGRE W115] No gold relations to compare with: {count} of {total} documents. Their predictions have no "
        "verdict; `evaluate` would count them as wrong."
    )
    W116 = "[KMGRE W116] No relation has one of the labels {labels}. Labels there are: {known}."
    W117 = (
        "[KMGRE W117] The graph shows {shown:,} of {total:,} relations, those that are stated most often. --limit "
        "(limit=...) sets how many."
    )


class Reasons:
    """Why the F of a training may have stayed 0."""

    TITLE = "[KMGRE W011] The F of {name!r} stayed 0 in this training. The likely reason:"
    NOTHING_MET = (
        "No update had a gold relation between entities of the documents that it read ({lost} in the last epoch lacked "
        "their entities). The reader spacy_kmgre.Corpus.v1 gives the gold entities."
    )
    NO_GOLD = (
        "The development corpus has no relations, so no F can be above 0. A DocBin keeps them only if it was made with "
        "DocBin(store_user_data=True)."
    )
    LABELS = (
        "{count} of {total} relations of the development corpus have labels that the training corpus lacks: {unknown}. "
        "Those of the training corpus: {known}."
    )
    TYPES = (
        "No entity of the development corpus has a type of the training corpus. It has: {unknown}; the training "
        "corpus: {known}."
    )
    NO_ENTITIES = (
        "The pipeline finds no two entities in any of the first documents of the development corpus. A component "
        "before the relations has to find them, or gold_entities = true of spacy_kmgre.Corpus.v1 gives them."
    )
    BELOW_THRESHOLD = (
        "The highest score of a relation in the first documents is {highest:.3f}, below the threshold {threshold}. "
        "Train longer, or lower components.{name}.threshold."
    )
    RATE_HIGH = (
        "The encoder learned at up to {rate:.2g}, which undoes what it knew; {usual:.2g} is usual. Lower "
        "training.optimizer."
    )
    RATE_LOW = "The heads learned at no more than {rate:.2g}; 0.001 is usual. Raise training.optimizer."
    FEW_STEPS = (
        "The training had no more than {steps} updates. Raise training.max_steps: `python -m spacy kmgre init CORPUS` "
        "finds a number."
    )
    NONE = "None of the usual ones. Look at the losses in the table: they should fall."
