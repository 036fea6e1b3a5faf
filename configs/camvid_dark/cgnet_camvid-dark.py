# CGNet, fine-tuned on CamVid at 3 to 10 % of the light and tested at 6 %.
_base_ = '../segmentation/cgnet_camvid_frozen.py'
load_from = '{{$MMSDAG_CGNET:../shared/weights/cgnet_camvid_mmseg.pth}}'

_crop = (192, 192)
_light = dict(type='mmsdag.LowLightDegradation', order='camera', exposure=(0.03, 0.1), shot=4e-4)
model = dict(data_preprocessor=dict(size=_crop))
train_dataloader = dict(
    _delete_=True,
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmsdag.ResumableSampler'),
    dataset=dict(
        _base_.camvid_val,
        data_prefix=dict(img_path='images/train', seg_map_path='annotations/train'),
        test_mode=False,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='RandomCrop', crop_size=_crop),
            dict(type='RandomFlip', prob=0.5),
            _light,
            dict(type='PackSegInputs'),
        ],
    ),
)
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='mmsdag.Darken', exposure=0.06),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ]
    )
)

train_cfg = dict(_delete_=True, type='mmsdag.ResumableTrainLoop', max_iters=1000)
optim_wrapper = dict(
    _delete_=True, type='OptimWrapper', optimizer=dict(type='Adam', lr=5e-4, weight_decay=5e-4)
)
param_scheduler = dict(
    _delete_=True, type='PolyLR', power=0.9, eta_min=1e-5, by_epoch=False, end=1000
)
