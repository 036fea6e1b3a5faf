_base_ = 'gamma_1xb8-200_dark-brackets.py'

custom_hooks = [dict(type='SDAGGuidanceHook', checkpoint=_base_.sdag_checkpoint, loss_weight=200.0)]
