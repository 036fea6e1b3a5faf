_base_ = 'sci_1xb1-500k_folder.py'

custom_hooks = [
    dict(
        type='SDAGGuidanceHook',
        checkpoint='{{ fileDirname }}/../../checkpoints/sdag_vgg16_1xb16-1k_brackets.pth',
        loss_weight=20.0,
    )
]
