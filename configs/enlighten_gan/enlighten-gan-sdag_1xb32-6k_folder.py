_base_ = 'enlighten-gan_1xb32-6k_folder.py'

custom_hooks = [dict(type='SDAGGuidanceHook', checkpoint='sdag.vgg16', loss_weight=20.0)]
