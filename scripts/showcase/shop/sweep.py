"""A sweep over the settings of a model, on Ray: each training reports its loss and accuracy."""
# mypy: disable-error-code="untyped-decorator"
# Ray's decorators have no types that mypy may follow.

from __future__ import annotations

import math
import random
import time
from itertools import product

import ray

from heliograph import workflow

STEPS = 40


@ray.remote(num_cpus=0.5)
def load_images(split: str) -> list[int]:
    """What is trained on."""
    time.sleep(0.2)
    workflow.current().log(f"{split}: 50000 images")
    return list(range(60_000))


@ray.remote(num_cpus=0.5, max_retries=2)
def train(images: list[int], rate: float, depth: int) -> dict[str, float]:
    """One model. Too high a rate makes the loss grow beyond all numbers."""
    now, chance = workflow.current(), random.Random(f"{rate} {depth}")
    speed, floor = rate * 900 / depth, 0.08 + 0.4 / depth + abs(math.log10(rate / 3e-3)) * 0.12
    loss = 2.3
    for step in range(STEPS):
        time.sleep(0.003 * depth)
        loss = floor + (loss - floor) * math.exp(-speed / 12) + chance.gauss(0, 0.02)
        if rate > 0.05 and depth > 12 and step > 11:
            raise FloatingPointError(f"loss is nan at step {step} (rate {rate}, depth {depth})")
        now.metric("loss", max(loss, 0.01), step=step)
        now.metric("accuracy", max(0.0, min(0.99, 1 - loss / 2.5)), step=step)
        now.progress(step + 1, STEPS, f"loss {loss:.3f}")
        if step % 10 == 0:
            now.log(f"step {step:3}  loss {loss:.4f}  rate {rate:g}")
    now.update_metadata({"rate": rate, "depth": depth, "accuracy": round(1 - loss / 2.5, 4)})
    return {"accuracy": 1 - loss / 2.5, "rate": rate, "depth": depth}


@ray.remote(num_cpus=0.5)
def choose(found: list[ray.ObjectRef]) -> dict[str, float]:
    """The best of those that came to an end."""
    known = [one for one, _error in ray.get(found) if one is not None]
    best: dict[str, float] = max(known, key=lambda one: one["accuracy"])
    workflow.current().update_metadata({"best": round(best["accuracy"], 4)}, of_workflow=True)
    return best


def sweep() -> object:
    """Twenty models."""
    images = load_images.options(**workflow.options(name="images")).bind("train")
    return choose.options(**workflow.options(name="choose")).bind(
        [
            train.options(
                **workflow.options(name=f"train/rate={rate:g}/depth={depth}", catch_exceptions=True)
            ).bind(images, rate, depth)
            for rate, depth in product((1e-3, 3e-3, 1e-2, 3e-2, 1e-1), (4, 8, 12, 16))
        ]
    )
