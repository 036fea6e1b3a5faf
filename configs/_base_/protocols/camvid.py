# CamVid's test frames at 480x360, 11 classes. light='day' or light='dusk' in
# test_dataloader.dataset keeps some of them; camvid_val is for choosing.
custom_imports = dict(imports=['mmsdag'], allow_failed_imports=False)

camvid_test = dict(
    type='mmsdag.CamVidDataset',
    data_root='{{$MMSDAG_CAMVID:../shared/camvid}}',
    data_prefix=dict(img_path='images/test', seg_map_path='annotations/test'),
    test_mode=True,
    pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        dict(type='PackSegInputs'),
    ],
)
camvid_val = dict(
    camvid_test,
    data_prefix=dict(img_path='images/val', seg_map_path='annotations/val'),
    img_suffix='.jpg',
)
