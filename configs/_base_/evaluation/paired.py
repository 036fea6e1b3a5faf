# How near enhanced images come to a well-exposed photograph, too.
# MMSDAG_ALEXNET: a file in the place of LPIPS's download, or "none".
_base_ = './unpaired.py'

test_evaluator = [
    dict(type='mmsdag.PSNR'),
    dict(type='mmsdag.SSIM'),
    dict(type='mmsdag.LPIPS', weights='{{$MMSDAG_ALEXNET:torchvision://alexnet}}'),
    *_base_.test_evaluator,
]
