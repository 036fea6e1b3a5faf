_base_ = 'sci_1xb1-500k_folder.py'

custom_hooks = [dict(type='SDAGGuidanceHook', checkpoint='sdag.vgg16', loss_weight=20.0)]
