_base_ = 'zero-dce_1xb8-50k_folder.py'

custom_hooks = [
    dict(
        type='SDAGGuidanceHook',
        checkpoint='{{ fileDirname }}/../../checkpoints/sdag_vgg16_1xb16-1k_brackets.pth',
        loss_weight=20.0,
    )
]
