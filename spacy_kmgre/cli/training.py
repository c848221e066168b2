"""The command line of `spacy kmgre init`, whose work init.py does. It is imported when the command runs."""

from pathlib import Path

from spacy.cli._util import Arg, Opt


def init_cli(
    corpus: Path = Arg(..., help="The training corpus, a .spacy file or a folder of such files", exists=True),
    output: Path = Opt(Path("config.cfg"), "--output", "-o", help="The config to write"),
    dev: Path | None = Opt(
        None, "--dev", "-d", help="The development corpus; it can come later, as --paths.dev", exists=True
    ),
    config: str | None = Opt(
        None,
        metavar="NAME",
        help="The config to begin with: kmgre_minilm_cpu, kmgre_bert_gpu, atlop_minilm_cpu, atlop_bert_gpu, "
        "kmgre_paper, or end_to_end for a pipeline that finds the entities too; where left out, the device decides",
    ),
    encoder: str | None = Opt(
        None,
        help="The encoder: a folder, a name on the Hugging Face hub, or package:NAME; where left out, the config's",
    ),
    gpu: bool | None = Opt(
        None, "--gpu/--cpu", "-G/-C", help="The device of the training; where left out, a GPU if there is one"
    ),
    lang: str = Opt("en", "--lang", "-l", help="The language of the texts"),
    force: bool = Opt(False, "--force", help="Replace a config that is there already"),
) -> None:
    """Write a config that is fitted to a corpus. Its comments give the reasons: the corpus's size, the device.

    \b
    python -m spacy kmgre init train.spacy --dev dev.spacy -o config.cfg
    python -m spacy train config.cfg --output training

    Exit status: 0; 1 where nothing was written; 2 where the command cannot be read.
    """
    from .init import write_config

    write_config(corpus, output, dev=dev, config=config, encoder=encoder, gpu=gpu, lang=lang, force=force)
