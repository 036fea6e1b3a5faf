_base_ = 'ruas_1xb1-800_folder.py'

custom_hooks = [
    dict(
        type='SDAGGuidanceHook',
        checkpoint='{{ fileDirname }}/../../checkpoints/sdag_vgg16_1xb16-1k_brackets.pth',
        loss_weight=1.0,
    )
]
