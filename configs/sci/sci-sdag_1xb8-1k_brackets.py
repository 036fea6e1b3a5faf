_base_ = 'sci_1xb8-1k_brackets.py'

# Late and strong: the first 600 iterations are those of the unguided twin.
# SCI has no loss on colors, so guidance leaves them alone.
custom_hooks = [
    dict(
        type='SDAGGuidanceHook',
        checkpoint=_base_.sdag_checkpoint,
        begin=600,
        keep_color=True,
        loss_weight=100.0,
    )
]
