# ResNet-18 for 32x32 pixels without its last stage, 24 to 96 channels, 0.4 M
# parameters.
_base_ = 'mmpretrain::_base_/models/resnet18_cifar.py'

model = dict(
    backbone=dict(
        stem_channels=24,
        base_channels=24,
        num_stages=3,
        strides=(2, 2, 1),
        dilations=(1, 1, 1),
        out_indices=(2,),
    ),
    head=dict(in_channels=96, loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1)),
)
