_base_ = 'zero-dce_demo.py'

custom_hooks = [
    dict(
        type='SDAGGuidanceHook',
        checkpoint='work_dirs/demo/checkpoints/sdag.pth',
        loss_weight=20.)
]
