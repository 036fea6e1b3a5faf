_base_ = 'zero-ig_1xb1-2k_folder.py'

custom_hooks = [
    dict(type='SDAGGuidanceHook', checkpoint='sdag.vgg16', begin=1200, loss_weight=2000.0)
]
