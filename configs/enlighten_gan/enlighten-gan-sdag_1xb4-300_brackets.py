_base_ = 'enlighten-gan_1xb4-300_brackets.py'

custom_hooks = [dict(type='SDAGGuidanceHook', checkpoint=_base_.sdag_checkpoint, loss_weight=20.0)]
