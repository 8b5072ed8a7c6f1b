import pytest

from fashion_pipeline.fashion.networks import NETWORKS
from fashion_pipeline.training.recipes import ALL, MODELS, RECIPES, changed, rate_factor, recipe_for


def test_the_seven_of_the_original_and_ours_are_there():
    assert list(MODELS) == ["v1", "v1_da", "v2", "v2_da", "v3", "v3_da", "v3_da_2", "v4"]
    assert all(model.network in NETWORKS for model in MODELS.values())


def test_of_all_models_a_teacher_is_trained_before_its_pupils():
    assert sorted(ALL) == sorted(MODELS)
    recipes = [recipe_for(model, "modern") for model in ALL]
    pupils = [(place, recipe.teacher) for place, recipe in enumerate(recipes) if recipe.teacher]
    assert pupils
    assert all(ALL.index(teacher) < place for place, teacher in pupils)


def test_the_classic_recipe_is_the_originals():
    recipe = recipe_for("v2_da", "classic")
    assert (recipe.epochs, recipe.batch, recipe.momentum, recipe.weight_decay) == (60, 128, 0.9, 0.0)
    assert (recipe.mean, recipe.std, recipe.flips, recipe.shift_px) == (0.0, 1.0, True, 0)
    assert rate_factor(0.0, 0, recipe) == rate_factor(0.66, 39, recipe) == 1
    assert recipe.learning_rate == 0.025
    assert rate_factor(0.67, 40, recipe) == 0.3
    assert not recipe_for("v2", "classic").flips
    long = recipe_for("v3_da_2", "classic")
    assert (long.epochs, long.learning_rate) == (80, 0.015)


def test_one_cycle_rises_then_falls_to_nothing():
    recipe = RECIPES["modern"]
    rates = [rate_factor(i / 100, 0, recipe) for i in range(101)]
    peak = rates.index(max(rates))
    assert rates[peak] == pytest.approx(1)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] == pytest.approx(0)


def test_the_last_pictures_of_a_run_are_left_whole():
    settings = ["epochs=10", "whole_from=0.75", "mix_probability=0.5", "erase_probability=0.25"]
    recipe = changed(RECIPES["modern"], settings)
    held = [recipe.in_epoch(epoch) for epoch in range(10)]
    assert [now.mix_probability for now in held] == [0.5] * 8 + [0] * 2
    assert [now.erase_probability for now in held] == [0.25] * 8 + [0] * 2


def test_modern_v3_takes_at_most_a_third_of_the_classic_epochs():
    assert recipe_for("v3_da_2", "modern").epochs <= 80 / 3


def test_a_part_of_a_recipe_is_changed_to_see_what_it_brings():
    recipe = changed(recipe_for("v1_da", "modern"), ["average_decay=0", "schedule=step", "nesterov=false"])
    assert (recipe.average_decay, recipe.schedule, recipe.nesterov) == (0.0, "step", False)
    assert recipe.name == "modern-average_decay=0-schedule=step-nesterov=false"
    assert changed(RECIPES["modern"], []) == RECIPES["modern"]


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        (
            "average_decai=0",
            "--set average_decai=0: a recipe has no 'average_decai'; did you mean 'average_decay'?",
        ),
        ("average_decay", "--set average_decay: give FIELD=VALUE"),
        ("xyz=1", "--set xyz=1: a recipe has no 'xyz'; known are epochs, batch"),
        ("batch=many", "--set batch=many: 'many' is not a whole number"),
        ("flips=1", "--set flips=1: '1' is not true or false"),
        ("batch=0", "--set batch=0: batch must be above 0, got 0"),
        ("std=0", "--set std=0: std must be above 0, got 0.0"),
        ("momentum=0", "--set momentum=0: nesterov needs a momentum above 0; set nesterov=false too"),
        ("whole_from=1.5", "--set whole_from=1.5: whole_from must be from 0 to 1, got 1.5"),
        ("learning_rate=nan", "--set learning_rate=nan: learning_rate must be at least 0, got nan"),
        ("teacher=v9", "--set teacher=v9: teacher 'v9' is no model; known are v1, v1_da"),
        ("schedule=stop", "--set schedule=stop: 'stop' is not step or one-cycle"),
    ],
)
def test_what_is_no_setting_of_a_recipe_is_refused(setting, problem):
    with pytest.raises(ValueError) as raised:
        changed(RECIPES["modern"], [setting])
    assert str(raised.value).startswith(problem)


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown model 'v9'; known are v1, v1_da"):
        recipe_for("v9", "modern")
    with pytest.raises(ValueError, match="unknown recipe 'new'; known are classic, modern"):
        recipe_for("v1", "new")
