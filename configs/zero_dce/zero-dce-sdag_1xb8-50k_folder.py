_base_ = 'zero-dce_1xb8-50k_folder.py'

custom_hooks = [dict(type='SDAGGuidanceHook', checkpoint='sdag.vgg16', loss_weight=20.0)]
