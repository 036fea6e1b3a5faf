_base_ = 'ruas_1xb1-400_brackets.py'

custom_hooks = [dict(type='SDAGGuidanceHook', checkpoint=_base_.sdag_checkpoint, loss_weight=1.0)]
