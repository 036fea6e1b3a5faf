# CamVid's training frames without their labels, 480x360.
_base_ = 'folder_restoration.py'

train_dataloader = dict(
    batch_size=6,
    dataset=dict(
        data_root='{{$MMSDAG_CAMVID:../shared/camvid}}',
        data_prefix=dict(img_path='images/train'),
        in_memory=True,
    ),
)
