_base_ = 'pairlie_1xb1-130k_brackets.py'

custom_hooks = [
    dict(type='SDAGGuidanceHook', checkpoint=_base_.sdag_checkpoint, begin=64_800, loss_weight=20.0)
]
