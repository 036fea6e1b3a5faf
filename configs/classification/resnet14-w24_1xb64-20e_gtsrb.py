# A small ResNet trained on well-lit traffic signs, tested on dark ones.
_base_ = [
    '../_base_/models/resnet14_w24.py',
    'mmpretrain::_base_/default_runtime.py',
    '../_base_/datasets/gtsrb.py',
    '../_base_/schedules/gtsrb_20e.py',
    '../_base_/enhancer.py',
]
work_dir = 'work_dirs/{{fileBasenameNoExtension}}_{{$MMSDAG_ENHANCER:none}}'

model = dict(
    data_preprocessor=dict(
        num_classes=43,
        mean=[127.5, 127.5, 127.5],
        std=[63.75, 63.75, 63.75],
        to_rgb=True,
        **_base_.classification,
    ),
    head=dict(num_classes=43),
)
default_hooks = dict(checkpoint=dict(interval=20, save_optimizer=False, save_param_scheduler=False))
randomness = dict(seed=0)
