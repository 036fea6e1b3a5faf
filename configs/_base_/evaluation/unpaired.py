# How enhanced images look, where there is nothing to compare them with but
# the input.
test_cfg = dict(type='TestLoop')
test_evaluator = [
    dict(type='mmsdag.NIQE'),
    dict(type='mmsdag.LightnessOrderError'),
    dict(type='mmsdag.ImageStatistics'),
]
