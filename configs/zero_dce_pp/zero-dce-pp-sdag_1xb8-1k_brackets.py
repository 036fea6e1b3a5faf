_base_ = 'zero-dce-pp_1xb8-1k_brackets.py'

# Late: the first 600 iterations are those of the unguided twin.
custom_hooks = [
    dict(
        type='SDAGGuidanceHook',
        checkpoint=_base_.sdag_checkpoint,
        begin=600,
        keep_color=True,
        loss_weight=20.0,
    )
]
