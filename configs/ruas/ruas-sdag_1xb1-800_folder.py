_base_ = 'ruas_1xb1-800_folder.py'

custom_hooks = [dict(type='SDAGGuidanceHook', checkpoint='sdag.vgg16', loss_weight=1.0)]
