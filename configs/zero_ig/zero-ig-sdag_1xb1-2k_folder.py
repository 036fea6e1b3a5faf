_base_ = 'zero-ig_1xb1-2k_folder.py'

custom_hooks = [
    dict(
        type='SDAGGuidanceHook',
        checkpoint='{{ fileDirname }}/../../checkpoints/sdag_vgg16_1xb16-1k_brackets.pth',
        begin=1200,
        loss_weight=2000.0,
    )
]
