_base_ = 'zero-dce_1xb8-1k_brackets.py'

custom_hooks = [dict(type='SDAGGuidanceHook', checkpoint=_base_.sdag_checkpoint, loss_weight=20.0)]
