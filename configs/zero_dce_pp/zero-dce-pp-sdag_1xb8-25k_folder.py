_base_ = 'zero-dce-pp_1xb8-25k_folder.py'

custom_hooks = [dict(type='SDAGGuidanceHook', checkpoint='sdag.vgg16', loss_weight=20.0)]
