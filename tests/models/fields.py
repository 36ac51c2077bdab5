"""All models, field by field."""

from __future__ import annotations

from tests.models import (
    dynamics,
    embeddings,
    finance,
    graphs,
    grids,
    images,
    networks,
    optics,
    particles,
    residuals,
    sequences,
    statistics_models,
    time_series,
)

FIELDS = (
    networks,
    embeddings,
    sequences,
    time_series,
    statistics_models,
    dynamics,
    particles,
    grids,
    optics,
    finance,
    images,
    graphs,
    residuals,
)
MODELS = tuple(model for field in FIELDS for model in field.model.models)
BY_NAME = {model.name: model for model in MODELS}
