_base_ = 'cgnet-denet_camvid-dark.py'

custom_hooks = [
    dict(
        type='mmsdag.SDAGGuidanceHook',
        checkpoint='sdag.vgg16',
        target='data_preprocessor.enhancer',
        loss_weight=10.0,
    )
]
