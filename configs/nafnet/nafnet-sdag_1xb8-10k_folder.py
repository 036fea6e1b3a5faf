# A stock mmagic model that knows nothing of guidance: its loss keeps the
# content of its own input, the hook does the rest.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/folder_zero_dce.py']

model = dict(
    type='mmagic.BaseEditModel',
    generator=dict(
        type='mmagic.NAFNet',
        img_channels=3,
        mid_channels=16,
        enc_blk_nums=[1, 1],
        middle_blk_num=1,
        dec_blk_nums=[1, 1],
    ),
    pixel_loss=dict(type='SpatialConsistencyLoss'),
    data_preprocessor=dict(type='mmagic.DataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3),
)
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadLowLightImage'),
            dict(type='mmagic.FixedCrop', keys=['img'], crop_size=(256, 256)),
            # mmagic's losses compare with a ground truth: here, the input.
            dict(type='mmagic.CopyValues', src_keys=['img'], dst_keys=['gt']),
            dict(type='mmagic.PackInputs', keys=['img', 'gt']),
        ]
    )
)

train_cfg = dict(type='ResumableTrainLoop', max_iters=10_000)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-4))
custom_hooks = [dict(type='SDAGGuidanceHook', checkpoint='sdag.vgg16', channel_order='bgr')]
