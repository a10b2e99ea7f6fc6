"""What the networks of a study are, as plain values for a manifest: pages describe the models that were trained."""

from ..encoder import LAYERS, Classifier, Encoder, freeze, trainable_parameters
from ..strategies import MODELS, NETWORKS


def trained_models(channels: int, padding: str) -> dict:
    """Layers of the encoder, and for each network which convolutions train, what it starts from, and how many
    parameters an optimiser changes."""
    found = {}
    for name in NETWORKS:
        model, strategy = Classifier(Encoder(channels, padding)), MODELS[name]
        freeze(model, strategy)
        found[name] = {"trains": list(strategy.trains), "pretrained": strategy.pretrained}
        found[name]["trainable"] = trainable_parameters(model)
    return {"layers": [list(layer) for layer in LAYERS], "networks": found}
