"""Errors of the command line, of extraction, exports and pages, and of readers of entities."""


class CommandErrors:
    """Errors of the command line, of extraction, exports and pages, and of readers of entities."""

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
        "and {found}. Resume with the same sources in the same order, or start again with --force."
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
    E348 = "[KMGRE E348] The rest of the file is not read. {error}"
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
    E353 = "[KMGRE E353] Standard output is closed. Name a file with --output."
    E354 = "[KMGRE E354] Standard input is closed, so nothing can be read from it."
    E355 = (
        "[KMGRE E355] Document number {number}, {name!r}, has changed since an earlier run has read it. Resume with "
        "the same contents, or start again with --force."
    )
    E356 = (
        "[KMGRE E356] The journal {path} is not the file that this run has begun: another program has deleted or "
        "replaced it. The run ends, as its work would be lost. Start it again."
    )
    E357 = (
        "[KMGRE E357] The part {name} of an earlier run was made of other contents: the sources have changed. Resume "
        "with the same contents, or start again with --force."
    )

    # Many documents, one machine or several (E365 to E399)
    E365 = "[KMGRE E365] An Extractor gives no table {table!r}, but one of: {known}."
    E366 = (
        "[KMGRE E366] The table to extract from has no column {name!r}. Its columns: {known}. Name the columns with "
        "text, id and entities: Extractor(model, text='body', id='')."
    )
    E367 = (
        "[KMGRE E367] A run with --engine ray has begun {path} and not finished it. Resume with --engine ray, or name "
        "another output."
    )
    E368 = (
        "[KMGRE E368] The sources have about {total:,} words: at --part-words {words} these are fewer parts than the "
        "{workers} workers. Some would have nothing to do, and what a worker has done of a part is lost when it is "
        "killed. --part-words {most} or less will do, and without it a number is chosen."
    )
    E369 = (
        "[KMGRE E369] {workers} workers with {each:g} {name} each leave none of the {there:g} {name} for reading, or "
        "need more than there are, and Ray would wait for ever. --workers {most} is the most here."
    )
    E370 = (
        "[KMGRE E370] The pipeline {path} on the machine {machine} differs from the one that the run was begun with. "
        "Each machine needs the same."
    )
    E371 = (
        "[KMGRE E371] With --engine ray, sources and output are files and folders that each machine sees, not "
        "standard input or output."
    )
    E372 = (
        "[KMGRE E372] {export} cannot be written part by part, as --engine ray does. Name parquet, jsonl or csv with "
        "--to, and write {export} of it: spacy kmgre export."
    )
    E373 = "[KMGRE E373] These options are not for --engine {engine}: {options}."
    E374 = "[KMGRE E374] --dry-run reads a sample of files and folders, not standard input."
    E376 = (
        "[KMGRE E376] Ray would listen at an address that other machines reach, as it was imported before this run. "
        "Start a process of its own for it, or name a running cluster with --address."
    )
    E375 = "[KMGRE E375] There are no documents to measure.{why}"
    E377 = (
        "[KMGRE E377] A worker on the machine {machine} cannot go on. What is done is kept, and --resume goes on from "
        "there once this is mended: {error}"
    )
    E378 = (
        "[KMGRE E378] The documents from {first!r} to {last!r} were tried {times} times, and each time the worker was "
        "killed, most likely because the machine has too little memory. The longest of them, {longest!r}, has about "
        "{words:,} words. Fewer --workers on a machine or a smaller --batch-words need less."
    )
    E379 = (
        "[KMGRE E379] {address!r} is no address of a cluster. It is HOST:PORT, such as 10.0.0.1:6379, ray://HOST:PORT, "
        "or auto for one that this machine is part of. Leave --address out for a cluster on this machine alone."
    )
    E380 = "[KMGRE E380] No cluster answers at {address}: {error}."
    E381 = (
        "[KMGRE E381] The part cannot be read as a table: {error}. An Extractor takes a DataFrame of pandas, a Table "
        "or RecordBatch of pyarrow, or a dict of arrays, and its columns have values of one type each."
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
    E531 = "[KMGRE E531] No document in {source} has relations{of}, so there is nothing to export."
    E532 = "[KMGRE E532] {path} is one of the sources, and would be lost. Give the output another name."

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
    E540 = "[KMGRE E540] The option {name!r} of a page has to be {wanted}, not {value!r}."
    E541 = "[KMGRE E541] The options of a page are a dict, not {value!r}."
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
