_base_ = 'pairlie_1xb2-1k_brackets.py'

# Late: the first 600 iterations are those of the unguided twin. Guided from
# the start, the projection was still black after 220 iterations.
custom_hooks = [
    dict(type='SDAGGuidanceHook', checkpoint=_base_.sdag_checkpoint, begin=600, loss_weight=20.0)
]
