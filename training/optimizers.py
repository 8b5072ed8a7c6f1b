"""The optimisers of a recipe: SGD for all weights, or Muon for hidden convolutions and SGD for the rest."""

from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from training.muon import Muon
from training.recipes import Recipe


def make_optimizers(network: nn.Module, recipe: Recipe) -> list[Optimizer]:
    """Make the optimisers, each weight in one of them. A group's highest learning rate is its "peak".

    Weight decay holds for matrices and kernels only: on biases and norms it would only hold them back.
    """
    hidden = _hidden_kernels(network) if recipe.muon_rate else []
    taken = {id(weight) for weight in hidden}
    rest = [weight for weight in network.parameters() if id(weight) not in taken]
    matrices = {"params": [w for w in rest if w.ndim > 1], "weight_decay": recipe.weight_decay}
    vectors = {"params": [w for w in rest if w.ndim <= 1], "weight_decay": 0.0}
    made: list[Optimizer] = [
        SGD([matrices, vectors], recipe.learning_rate, recipe.momentum, nesterov=recipe.nesterov)
    ]
    if hidden:
        made.append(Muon(hidden, recipe.muon_rate, recipe.muon_momentum, recipe.muon_decay))
    for optimizer in made:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return made


def _hidden_kernels(network: nn.Module) -> list[Tensor]:
    """The kernels of all convolutions but the first, which sees the picture itself."""
    kernels = [layer.weight for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    return list(kernels[1:])
