# A network from outside of OpenMMLab, wrapped: torchvision's head of
# DeepLabV3 on the image itself, with zero-reference losses and guidance.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/folder_zero_dce.py']

model = dict(
    type='UnsupervisedEnhancer',
    generator=dict(
        type='EnhancerWrapper',
        module='torchvision.models.segmentation.deeplabv3:DeepLabHead',
        kwargs=dict(in_channels=3, num_classes=3, atrous_rates=(2, 4, 8)),
        inputs=dict(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    ),
    losses=dict(
        # Each pixel against its neighbors: nothing else keeps the details.
        spa=dict(type='SpatialConsistencyLoss', patch_size=1),
        col=dict(type='ColorConstancyLoss', loss_weight=5.0),
        exp=dict(type='ExposureControlLoss', loss_weight=10.0),
    ),
    amp_dtype='auto',
)

train_cfg = dict(type='ResumableTrainLoop', max_iters=10_000)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-4))
custom_hooks = [dict(type='SDAGGuidanceHook', checkpoint='sdag.vgg16')]
