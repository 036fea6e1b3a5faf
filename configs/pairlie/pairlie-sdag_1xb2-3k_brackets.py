_base_ = 'pairlie_1xb2-3k_brackets.py'

# The first 1,800 iterations are those of the unguided twin.
custom_hooks = [
    dict(type='SDAGGuidanceHook', checkpoint=_base_.sdag_checkpoint, begin=1800, loss_weight=20.0)
]
