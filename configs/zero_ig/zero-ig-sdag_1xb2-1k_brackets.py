_base_ = 'zero-ig_1xb2-1k_brackets.py'

# Late: the first 600 iterations are those of the unguided twin. The other
# terms sum to hundreds, so the weight is high.
custom_hooks = [
    dict(type='SDAGGuidanceHook', checkpoint=_base_.sdag_checkpoint, begin=600, loss_weight=2000.0)
]
