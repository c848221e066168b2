import sys
from types import ModuleType

import pytest
import spacy
from spacy import Language

PACKAGE = "an_encoder_in_a_package"


def make_nlp(name: str) -> Language:
    """A transformer that `ner` listens to, and components without a model."""
    nlp = spacy.blank("en")
    nlp.config["initialize"]["before_init"] = {"@callbacks": "spacy_kmgre.resolve_encoders.v1"}
    nlp.add_pipe("sentencizer")
    model = {"name": name, "get_spans": {"@span_getters": "spacy-transformers.doc_spans.v1"}}
    nlp.add_pipe("transformer", config={"model": model})
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
    }
    nlp.add_pipe("ner", config={"model": {"tok2vec": listener}}).add_label("PER")  # type: ignore[attr-defined]
    return nlp


def test_transformers_load_from_a_package(tiny_encoder, monkeypatch, tmp_path):
    package = ModuleType(PACKAGE)
    package.get_model_path = lambda: tiny_encoder  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, PACKAGE, package)
    nlp = make_nlp(f"package:{PACKAGE}")
    nlp.initialize()
    assert nlp.get_pipe("transformer").model.get_dim("nO") == 32  # type: ignore[attr-defined]
    assert nlp.config["components"]["transformer"]["model"]["name"] == f"package:{PACKAGE}"
    # Where the pipeline is loaded, the package need not be there.
    nlp.to_disk(tmp_path)
    monkeypatch.delitem(sys.modules, PACKAGE)
    other = spacy.load(tmp_path)
    data, again = (
        pipeline("Ann left")._.trf_data.model_output.last_hidden_state for pipeline in (nlp, other)
    )
    assert (data == again).all()


def test_other_names_stay(tiny_encoder):
    nlp = make_nlp(tiny_encoder)
    nlp.initialize()
    assert nlp.get_pipe("transformer").model.attrs["name"] == tiny_encoder  # type: ignore[attr-defined]


def test_a_package_that_is_not_installed_is_named():
    with pytest.raises(ValueError, match=r"E010.*pip install --no-deps an-encoder"):
        make_nlp(f"package:{PACKAGE}").initialize()
