_base_ = 'pairlie_1xb2-5k_brackets.py'

# The first 3,000 iterations are those of the unguided twin.
custom_hooks = [
    dict(type='SDAGGuidanceHook', checkpoint=_base_.sdag_checkpoint, begin=3000, loss_weight=20.0)
]
