# Semantic segmentation of ACDC at night: mIoU of 19 classes on the 106 images
# of `val`, after 20,000 iterations of 8 crops of the 400 of `train`. Crops,
# scales and iterations are those of IAT's published configs.
custom_imports = dict(imports=['mmsdag'], allow_failed_imports=False)

acdc_night_crop = (512, 512)
acdc_night_train = dict(
    batch_size=8,
    num_workers=4,
    dataset=dict(
        type='mmsdag.ACDCNightDataset',
        data_root='{{$MMSDAG_ACDC:data/acdc}}',
        data_prefix=dict(img_path='rgb_anon/night/train', seg_map_path='gt/night/train'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='RandomResize', scale=(1920, 1080), ratio_range=(0.5, 2.0), keep_ratio=True),
            dict(type='RandomCrop', crop_size=acdc_night_crop, cat_max_ratio=0.75),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ],
    ),
)
acdc_night_val = dict(
    dataset=dict(
        type='mmsdag.ACDCNightDataset',
        data_root='{{$MMSDAG_ACDC:data/acdc}}',
        data_prefix=dict(img_path='rgb_anon/night/val', seg_map_path='gt/night/val'),
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(1920, 1080), keep_ratio=True),
            # After Resize: labels are compared at their own size.
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
    )
)
acdc_night_train_cfg = dict(max_iters=20000, val_interval=2000)
acdc_night_decay = [
    dict(type='PolyLR', eta_min=1e-4, power=0.9, begin=0, end=20000, by_epoch=False)
]
