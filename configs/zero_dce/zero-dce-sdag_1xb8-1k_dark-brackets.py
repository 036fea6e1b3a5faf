_base_ = 'zero-dce_1xb8-1k_dark-brackets.py'

# Late and strong: the first 600 iterations are those of the unguided twin.
custom_hooks = [
    dict(type='SDAGGuidanceHook', checkpoint=_base_.sdag_checkpoint, begin=600, loss_weight=100.0)
]
