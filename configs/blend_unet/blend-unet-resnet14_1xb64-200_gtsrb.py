# Guided by the classifiers that will run on the enhanced signs: by what the
# three say together of a sign and of its brightened version without the cast.
_base_ = 'blend-unet_1xb64-200_gtsrb.py'

_classifiers = [
    dict(
        config='{{ fileDirname }}/../classification/resnet14-w24_1xb64-20e_gtsrb.py',
        checkpoint='{{ fileDirname }}/../../checkpoints/'
        f'resnet14-w24_1xb64-20e_gtsrb_seed{seed}.pth',
    )
    for seed in range(3)
]
custom_hooks = [
    dict(type='EMAHook', momentum=0.02),
    dict(
        type='AgreementGuidanceHook',
        recognizers=_classifiers,
        views=[dict(type='MeanScaleEnhancer', mean=0.2, per_channel=True)],
        loss_weight=5.0,
        amp_dtype='auto',
    ),
]
