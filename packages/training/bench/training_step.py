"""PyTorch's time for the step of training-step.bench.ts: the same model and batch, eager, one thread.

The sizes are its first argument, as JSON. For each line of its standard input, `forward`, `gradients` or `step`, it does that
once and writes a line with the seconds of processor time that it took. A step is the loss, its gradients, their clipping
and AdamW's update.
"""

import json
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

sizes = json.loads(sys.argv[1])
torch.set_num_threads(1)
torch.manual_seed(1)


class Layer(nn.Module):
    def __init__(self, hidden, intermediate, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(hidden, hidden) for _ in range(4))
        self.up, self.down = nn.Linear(hidden, intermediate), nn.Linear(intermediate, hidden)
        self.attention_norm, self.output_norm = nn.LayerNorm(hidden), nn.LayerNorm(hidden)

    def forward(self, x):
        batch, sequence, hidden = x.shape
        split = lambda y: y.view(batch, sequence, self.heads, -1).transpose(1, 2)
        context = F.scaled_dot_product_attention(split(self.query(x)), split(self.key(x)), split(self.value(x)))
        x = self.attention_norm(x + self.out(context.transpose(1, 2).reshape(batch, sequence, hidden)))
        return self.output_norm(x + self.down(F.gelu(self.up(x))))


class Bert(nn.Module):
    def __init__(self, hiddenSize, numHiddenLayers, numAttentionHeads, intermediateSize, vocabSize, maxPositionEmbeddings):
        super().__init__()
        self.words, self.types = nn.Embedding(vocabSize, hiddenSize), nn.Embedding(2, hiddenSize)
        self.positions, self.norm = nn.Embedding(maxPositionEmbeddings, hiddenSize), nn.LayerNorm(hiddenSize)
        self.layers = nn.ModuleList(
            Layer(hiddenSize, intermediateSize, numAttentionHeads) for _ in range(numHiddenLayers)
        )
        self.transform, self.transform_norm = nn.Linear(hiddenSize, hiddenSize), nn.LayerNorm(hiddenSize)
        self.bias = nn.Parameter(torch.zeros(vocabSize))

    def forward(self, ids, types, selected, labels):
        x = self.norm(self.words(ids) + self.types(types) + self.positions.weight[: ids.shape[1]])
        for layer in self.layers:
            x = layer(x)
        x = self.transform_norm(F.gelu(self.transform(x.flatten(0, 1)[selected])))
        return F.cross_entropy(x @ self.words.weight.T + self.bias, labels)


model = Bert(**sizes["model"])
for parameter in model.parameters():
    nn.init.uniform_(parameter, -0.05, 0.05)
shape, count = (sizes["batch"], sizes["sequence"]), sizes["selected"]
ids = torch.randint(sizes["model"]["vocabSize"], shape)
types = torch.zeros(shape, dtype=torch.long)
selected = torch.randint(math.prod(shape), (count,))
labels = torch.randint(sizes["model"]["vocabSize"], (count,))


def forward():
    with torch.no_grad():
        model(ids, types, selected, labels).item()


def gradients():
    model.zero_grad(set_to_none=True)
    model(ids, types, selected, labels).backward()


optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.01)


def step():
    gradients()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


for line in sys.stdin:
    start = time.process_time()
    {"forward": forward, "gradients": gradients, "step": step}[line.strip()]()
    print(time.process_time() - start, flush=True)
