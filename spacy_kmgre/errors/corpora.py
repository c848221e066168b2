"""Errors of corpora and of other files to read."""


class CorpusErrors:
    """Errors of corpora and their formats."""

    # Corpora and texts of one's own (E080-E089)
    E080 = "[KMGRE E080] write_corpus takes a list of Docs, got {what}: write_corpus([doc], '{path}')."
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
    E087 = "[KMGRE E087] {path} is no Parquet file, or is damaged. ({error})"
    E088 = "[KMGRE E088] {where} is not CSV in UTF-8: {error}."
    E089 = (
        "[KMGRE E089] {path} has an ending that stands for no source. Name what it is with --from, such as --from "
        "text for a file that is one text. There are: {known}."
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
    E121 = "[KMGRE E121] {where}: characters {start} to {end} are no part of the text, which has {length}."
    E122 = "[KMGRE E122] {where}: characters {start} to {end} are {found!r}, not {expected!r}."
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
    E134 = (
        "[KMGRE E134] {where}: {name!r} is the name of several mentions or entities of the document, or no name at "
        "all. Relations go by these names: give each mention and entity a name of its own in the file."
    )
    E135 = (
        "[KMGRE E135] {where}: the text should be the field `text` of the task's data, or their only string, or the "
        "only one that holds the words of all regions. --text-field names it. The data's fields: {known}."
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
    E147 = "[KMGRE E147] {path} holds no documents that are read{left}."
    E148 = "[KMGRE E148] {where}: a relation without a label. --default-label gives one to such relations."
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
    E154 = "[KMGRE E154] The file cfg of a component is damaged. {what}: {name} = {value!r}."
    E155 = (
        "[KMGRE E155] The document {document!r} holds in doc.user_data[{name!r}] what spacy-kmgre does not "
        "write: {error}. Delete the field, or write it again, as with doc._.relations = [...]."
    )
    E156 = "[KMGRE E156] {path} is an archive within {most} others. Unpack it yourself if you trust it."
    E157 = "[KMGRE E157] {path} holds {what} of more than {size:,} bytes, which is not read."
    E158 = (
        "[KMGRE E158] The text has more than {limit:,} characters, the pipeline's max_length. Parsers and recognisers "
        "of named entities need a lot of memory for such texts; --max-length allows them."
    )

    E159 = (
        "[KMGRE E159] The name {path} has no ending, which would tell the format. Give it one, such as .spacy, name "
        "the format with --to ({known}), or divide the documents among files of a folder with --split 0.8,0.1,0.1."
    )
    E160 = "[KMGRE E160] The table {path}: the column {name!r} {what}. {option} names another one."

    # Compressed files, and what reading cannot use (E36x)
    E360 = "[KMGRE E360] {path} is compressed, and damaged or cut off: {error}."
    E361 = (
        "[KMGRE E361] {path} unpacks to more than {ratio} times its size, or to more files than a corpus has, as no "
        "corpus does. Unpack it yourself if you trust it."
    )
    E362 = (
        "[KMGRE E362] {path} is compressed by zstandard. Python reads that from version 3.14 on; for an older one run: "
        "pip install 'spacy-kmgre[zstd]'"
    )
    E363 = "{error} --lenient (lenient=True) leaves out and counts what cannot be right."
    E364 = (
        "[KMGRE E364] {where}: the region has no offsets in the text: neither numbers as start and end, nor "
        "globalOffsets."
    )

    # Formats of others (E60x)
    E600 = "[KMGRE E600] {where}: {item} is not {expected}."
    E601 = (
        "[KMGRE E601] {where}: a mention of the words {first} to {end}; it must be [start, end] with start < end, "
        "within the document, which has {length} words."
    )
    E602 = "[KMGRE E602] {where}: the tags are not in the BILOU scheme. ({error})"
    E605 = (
        "[KMGRE E605] {name!r}: {item} is not what doc._.rel holds: {{(token, token): {{label: value}}}}, where tokens "
        "begin entities and values lie in [0, 1]."
    )
    E603 = "[KMGRE E603] {where} is no UIMA CAS that could be read: {error}"
    E604 = (
        "[KMGRE E604] {where} has no TypeSystem.xml beside it, without which XMI cannot be read. INCEpTION exports "
        "both in one zip archive, which is a source too."
    )
