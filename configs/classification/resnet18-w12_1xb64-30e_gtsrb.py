# ResNet-18 for 32x32 pixels with 12 to 96 channels, 0.4 M parameters: trained
# on well-lit traffic signs, tested on dark ones.
_base_ = [
    'mmpretrain::_base_/models/resnet18_cifar.py',
    'mmpretrain::_base_/default_runtime.py', '../_base_/datasets/gtsrb.py',
    '../_base_/schedules/gtsrb_30e.py',
    '../_base_/enhancers/{{$MMSDAG_ENHANCER:none}}.py'
]
work_dir = 'work_dirs/{{fileBasenameNoExtension}}_{{$MMSDAG_ENHANCER:none}}'

model = dict(
    data_preprocessor=dict(
        num_classes=43,
        mean=[127.5, 127.5, 127.5],
        std=[63.75, 63.75, 63.75],
        to_rgb=True,
        **_base_.classification),
    backbone=dict(stem_channels=12, base_channels=12, strides=(2, 2, 2, 1)),
    head=dict(num_classes=43, in_channels=96))
default_hooks = dict(
    checkpoint=dict(
        interval=30, save_optimizer=False, save_param_scheduler=False))
randomness = dict(seed=0)
