"""Runs one pair of models through the authors' released code and times it, phase by phase.

    python time_authors.py REQUEST.json

The request and the result are those of `side.ts`. The functions that are timed are imported from the checkout
that the request names; what had to be set for them to take the pair, the tokens and the masks of the request is in the
README, under "What is driven how".
"""

import json
import os
import resource
import sys
import time
import warnings
from contextlib import contextmanager, redirect_stdout
from functools import wraps

os.environ.update(
    CUDA_VISIBLE_DEVICES="",
    HF_HUB_OFFLINE="1",
    TQDM_DISABLE="1",
    TOKENIZERS_PARALLELISM="false",
    TRANSFORMERS_VERBOSITY="error",
)
warnings.filterwarnings("ignore")

with open(sys.argv[1], encoding="utf-8") as file:
    request = json.load(file)
sys.path.insert(0, request["checkout"])

import datasets
import scipy
import torch
import transformers
from safetensors.torch import load_file, save_file

torch.set_num_threads(request["threads"])

import model_merger
from evaluation import graphing_mlm
from graphs.transformer_enc_graph import bert
from metric_calculators import CovarianceMetric
from my_datasets.books import pad_collate
from utils import get_merging_fn

BATCH_SIZE = 8  # of `experiment/run_mha_experiments.sh`

# The flags that `experiment/*.sh` give for each method.
METHODS = {
    "vanilla": None,
    "ffn": {"merge_type": "ff_only"},
    "ffn+attention/identity": {"merge_type": "ff_only"},
    "ffn+attention/monotonic": {"merge_type": "ff+attn"},
    "ffn+attention/ignore-heads": {"merge_type": "ff+attn", "ignore_heads": True},
    "ffn+attention/head-perm": {"merge_type": "ff+attn", "permute_heads": True},
    "ffn+attention/head-perm/qk": {"merge_type": "ff+attn", "permute_heads": True, "qk": True},
}

phases = {}


@contextmanager
def phase(name, inside=None):
    """Add the time of a block to a phase, and take it off the phase that it lies inside of."""
    processor, wall = _processor_seconds(), time.perf_counter()
    yield
    spent = {"processor": _processor_seconds() - processor, "wall": time.perf_counter() - wall}
    for key, sign in ((name, 1), (inside, -1)):
        if key is None:
            continue
        total = phases.setdefault(key, {"processor": 0.0, "wall": 0.0})
        for clock, seconds in spent.items():
            total[clock] += sign * seconds


def _processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class TimedCovariance(CovarianceMetric):
    """Their metric; what it takes is correlation, not capture."""

    def update(self, *args, **kwargs):
        with phase("correlation", inside="capture"):
            return super().update(*args, **kwargs)

    def finalize(self, *args, **kwargs):
        with phase("correlation", inside="capture"):
            return super().finalize(*args, **kwargs)


class RecordingTrainer(transformers.Trainer):
    """Their trainer; keeps the loss of each batch, and how many positions it is the mean of."""

    def prediction_step(self, model, inputs, *args, **kwargs):
        loss, logits, labels = super().prediction_step(model, inputs, *args, **kwargs)
        recorded.append((loss.item(), int((inputs["labels"] != -100).sum())))
        return loss, logits, labels


class PreparedText:
    """What `wikitext_ppl` takes for the text: tokenising and cutting it give the blocks of the request."""

    column_names = ["text"]

    def __init__(self, blocks):
        self.blocks = blocks

    def map(self, *_, **__):
        return self.blocks


def load(path):
    return transformers.BertForMaskedLM.from_pretrained(path).eval()


def graph_of(model, merge_type, qk=False):
    graph = bert(model, merge_type=merge_type, qk=qk, classifier=False)
    graph.num_layers = model.config.num_hidden_layers
    graph.num_heads = model.config.num_attention_heads
    return graph.graphify()


def feature_batches(tensors):
    sequences = torch.split(tensors["tokens"].long(), tensors["lengths"].tolist())
    rows = [(sequence, len(sequence)) for sequence in sequences]
    return [pad_collate(rows[i : i + BATCH_SIZE], 0) for i in range(0, len(rows), BATCH_SIZE)]


def align(models, batches, merge_type, permute_heads=False, ignore_heads=False, qk=False):
    """Their `ModelMerge.transform`, call by call, up to the permuted models."""
    with phase("load"):
        merge = model_merger.ModelMerge(*[graph_of(model, merge_type, qk) for model in models], device=torch.device("cpu"))
    with phase("capture"):
        merge.compute_metrics([batches], metric_classes={"covariance": TimedCovariance}, special_toks=True)
    correlations = {}
    correlate = merge.compute_metric_corrs

    def timed_correlate(*args, **kwargs):
        with phase("correlation", inside="matching"):
            correlations.update(correlate(*args, **kwargs))
        return correlations

    merge.compute_metric_corrs = timed_correlate
    with phase("matching"):
        merge.compute_transformations(
            get_merging_fn("match_tensors_permute"),
            reduce_ratio=0.5,
            permute_heads=permute_heads,
            ignore_heads=ignore_heads,
            no_absval=True,
        )
    with phase("apply"):
        merge.apply_transformations_custom()
    return chosen(merge, correlations, qk)


def chosen(merge, correlations, qk):
    """Correlations and permutations, `B'[i] = B[p[i]]`, under the names of our feature sets and axes."""
    graph = merge.graphs[0]
    tensors = {}
    for node, unmerges in merge.unmerges.items():
        before, after = (graph.get_node_info(node + step)["layer"] or "" for step in (-1, 1))
        site = site_of(after if node in correlations else before)
        if site is None:
            continue
        if node in correlations:
            correlation = correlations[node]
        else:
            correlation = merge.cov_to_corr(merge.metrics["qk" + site.split(".")[1]]["covariance"])
        width = correlation.shape[0] // 2
        tensors["correlation|" + site] = correlation[:width, width:].float().contiguous()
        tensors["permutation|" + site] = unmerges[1].argmax(dim=0).int()
    return tensors


def site_of(layer):
    names = {
        "attention.output.dense": "attention",
        "output.dense": "ffn",
        "attention.self.query": "queryKey",
        "attention.self.key": "queryKey",
    }
    for suffix, site in names.items():
        if layer.startswith("bert.encoder.layer.") and layer.endswith("." + suffix):
            return site + "." + layer.split(".")[3]
    return None


def merging_fn_with_listed_heads(name):
    """Their matching functions; one compares the assignment of heads with `[]`, which numpy refuses of an array."""
    match = get_merging_fn(name)

    @wraps(match)
    def matched(*args, head_assignments=(), **kwargs):
        heads = {"head_assignments": list(head_assignments)} if len(head_assignments) > 0 else {}
        return match(*args, **heads, **kwargs)

    return matched


def evaluation_blocks(tensors):
    ids = tensors["input_ids"].tolist()
    return datasets.Dataset.from_dict(
        {
            "input_ids": ids,
            "token_type_ids": [[0] * len(block) for block in ids],
            "attention_mask": [[1] * len(block) for block in ids],
            "labels": tensors["labels"].tolist(),
        }
    )


def loss_at(value, models, placeholder):
    recorded.clear()
    with phase("interpolation"):
        placeholder.load_state_dict(graphing_mlm.get_merged_state_dict(*models, w=value))
    with phase("evaluation"):
        graphing_mlm.wikitext_ppl(None, placeholder)
    return sum(loss * count for loss, count in recorded) / sum(count for _, count in recorded)


def main():
    tensors = load_file(request["work"])
    batches, blocks = feature_batches(tensors), evaluation_blocks(tensors)
    graphing_mlm.datasets.load_dataset = lambda *_, **__: PreparedText(blocks)
    graphing_mlm.DataCollatorForLanguageModeling = lambda **_: transformers.default_data_collator
    graphing_mlm.Trainer = RecordingTrainer
    model_merger.get_merging_fn = merging_fn_with_listed_heads
    with phase("load"):
        models = [load(path) for path in request["models"]]
        placeholder = load(request["models"][0])
    flags = METHODS[request["method"]]
    aligned = {} if flags is None else align(models, batches, **flags)
    states = [model.state_dict() for model in models]
    losses = [loss_at(value, states, placeholder) for value in request["lambdas"]]
    save_file(aligned, request["alignment"])
    libraries = {module.__name__: module.__version__ for module in (torch, transformers, scipy)}
    return {"phases": phases, "losses": losses, "versions": libraries}


recorded = []
with redirect_stdout(sys.stderr), torch.no_grad():
    result = main()
with open(request["result"], "w", encoding="utf-8") as file:
    json.dump(result, file)
